"""The frame of every page: title and navigation."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard.components.css import STYLE
from dashboard.panels import network_choice, visitor_notice
from dashboard.services import visitor_language
from dashboard.services.resources import PAGE_SHOWN
from model.i18n.translations import gettext as _

LOGO = Path(__file__).with_name("logo.png")

st.set_page_config(page_title="Vitrine", page_icon=str(LOGO), layout="wide")
st.logo(LOGO, size="large")
st.html(STYLE)
page = st.navigation(
    [
        st.Page("views/classify.py", title=_("Classify"), icon=":material/image_search:", default=True),
        st.Page("views/teach.py", title=_("Teach"), url_path="teach", icon=":material/school:"),
        st.Page("views/gallery.py", title=_("Gallery"), url_path="gallery", icon=":material/photo_library:"),
        st.Page("views/compare.py", title=_("Compare"), url_path="compare", icon=":material/compare_arrows:"),
        st.Page("views/training.py", title=_("Training"), url_path="training", icon=":material/show_chart:"),
        st.Page("views/evaluation.py", title=_("Evaluation"), url_path="evaluation", icon=":material/fact_check:"),
        st.Page("views/models.py", title=_("Models"), url_path="models", icon=":material/deployed_code:"),
        st.Page("views/history.py", title=_("History"), url_path="history", icon=":material/history:"),
    ],
    position="top",
)
with st.container(key="language"):
    visitor_language.language_switch()
visitor_notice.show_notice()
network_choice.show_unknown(st.query_params.get("model", ""))
try:
    page.run()
finally:
    PAGE_SHOWN.set()
