"""The pages: `streamlit run dashboard/app.py`.

A file a page in views/; what pages are made of lies in the other rooms.
"""
