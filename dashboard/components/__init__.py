"""What Vitrine adds to Streamlit: tables of links, contact sheets, heat maps, the clipboard, classes.

They draw what they are given and know nothing about networks.
"""

__all__ = [
    "class_board",
    "clipboard",
    "confusion_matrix",
    "contact_sheet",
    "css",
    "heat_map",
    "plotly_chart",
    "query_params",
    "try_out",
]
