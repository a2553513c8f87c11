"""What Vitrine adds to Streamlit: tables of links, contact sheets, heat maps, the clipboard, the address.

They draw what they are given, and know no network.
"""

__all__ = ["clipboard", "confusion_matrix", "contact_sheet", "css", "heat_map", "plotly_chart", "query_params"]
