"""The sample pictures: one click to classify, the true class beside the guess."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from dashboard import parts, resources
from dashboard.samples import Sample, list_samples
from dashboard.style import tile_style


def choose(name: str) -> None:
    st.query_params["picture"] = name


def show_grid(samples: list[Sample]) -> None:
    st.html(tile_style(resources.sample_thumbnails(), "132px"))
    with st.container(horizontal=True, gap="small"):
        for sample in samples:
            st.button(sample.truth, key=sample.key, help=sample.name, on_click=choose, args=(sample.name,))


model, card = parts.use_model()
samples = list_samples()
if not samples:
    st.info("There are no sample pictures: the folder sample_images/ is empty.")
    st.stop()

chosen = next((sample for sample in samples if sample.name == st.query_params.get("picture")), None)
if chosen is None:
    st.markdown(f"**{len(samples)} photographs with a free licence.** Click one to see what the network makes of it.")
else:
    classifier = parts.warm(model)
    (item,) = parts.answer_all([(chosen.name, chosen.path.read_bytes())], classifier)
    parts.show_answer(replace(item, truth=chosen.truth), classifier.card)
    st.divider()
show_grid(samples)
st.caption("Source and licence of each picture: CREDITS.md in the folder sample_images.")
