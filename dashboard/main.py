"""The frame of every page: title, navigation."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard.resources import PAGE_SHOWN
from dashboard.style import STYLE

LOGO = Path(__file__).with_name("logo.png")

st.set_page_config(page_title="Vitrine", page_icon=str(LOGO), layout="wide")
st.logo(LOGO, size="large")
st.html(STYLE)
page = st.navigation(
    [
        st.Page("views/classify.py", title="Classify", icon=":material/image_search:", default=True),
        st.Page("views/gallery.py", title="Gallery", icon=":material/photo_library:"),
        st.Page("views/training.py", title="Training", icon=":material/show_chart:"),
        st.Page("views/models.py", title="Models", icon=":material/deployed_code:"),
        st.Page("views/history.py", title="History", icon=":material/history:"),
    ],
    position="top",
)
try:
    page.run()
finally:
    PAGE_SHOWN.set()
