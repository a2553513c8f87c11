"""The command `vitrine`: one entry to the page, the classifier, the training and the API."""
