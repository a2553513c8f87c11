"""Networks that Keras 2 saved, read as data and put into the words of Keras 3: none of it imports Keras."""
