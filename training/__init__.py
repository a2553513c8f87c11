"""The toolkit that trains networks: a recipe and pictures in, a run folder and a bundle out.

recipes/, ablations/ and runs/ hold those that ship.
"""
