"""A map laid over a picture, with a slider that blends the two in the browser, without asking the server."""

from __future__ import annotations

import io

import numpy as np
import streamlit as st
from PIL import Image
from plotly.colors import hex_to_rgb, sequential

from dashboard.presenters.data_url import data_url
from model.i18n.translations import gettext as _
from model.images.decoder import centre_crop
from model.images.thumbnails import encode_jpeg
from model.signature.shapes import InputShape

SIDE = 420  # pixels of the picture on the page
# From black over red to pale yellow, evenly by brightness, so that it reads without colours, too.
RAMP = np.array([hex_to_rgb(hue) for hue in sequential.Inferno])

HTML = """<figure>
  <div class="both"><img class="picture"><img class="map"></div>
  <figcaption><span class="low"></span><span class="ramp"></span><span class="high"></span></figcaption>
  <label><span class="name"></span><input type="range" min="0" max="100" step="5" value="60"></label>
</figure>"""

CSS = """
figure { margin: 0; font-family: var(--st-font); font-size: 0.875rem; color: var(--st-text-color); }
.both { position: relative; border-radius: var(--st-base-radius); overflow: hidden; }
.both img { position: absolute; inset: 0; width: 100%; height: 100%; }
figcaption, label { display: flex; align-items: center; gap: 0.6rem; margin-top: 0.5rem; }
.ramp { flex: 1; height: 0.5rem; border-radius: 0.25rem; }
input { flex: 1; accent-color: var(--st-primary-color); min-height: 1.5rem; }
input:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
"""

JS = """
export default function ({ data, parentElement }) {
  const find = (name) => parentElement.querySelector(name)
  const show = (image, source, alt) => { if (image.src !== source) image.src = source; image.alt = alt }
  show(find(".picture"), data.picture, data.alt)
  show(find(".map"), data.map, "")
  for (const name of ["low", "high", "name"]) find("." + name).textContent = data[name]
  find("figure").style.maxWidth = data.width + "px"
  find(".both").style.aspectRatio = data.width + " / " + data.height
  find(".ramp").style.background = data.ramp
  const slider = find("input")
  const blend = () => { find(".map").style.opacity = slider.value / 100 }
  slider.oninput = blend
  blend()
}
"""

_overlay = st.components.v2.component("vitrine_overlay", html=HTML, css=CSS, js=JS)


def show_overlay(preview: bytes, marks: np.ndarray, alt: str, key: str) -> None:
    """What the network is given of the picture, under the map.

    preview: the picture as a JPEG; marks: float (height, width), 0 to 1.
    """
    shape = enlarged(marks)
    _overlay(
        data={
            "picture": data_url(encode_jpeg(seen_part(preview, shape), SIDE)),
            "map": data_url(encode_jpeg(heat(marks, shape), SIDE)),
            "width": shape.width,
            "height": shape.height,
            "ramp": f"linear-gradient(90deg, {', '.join(sequential.Inferno)})",
            "alt": alt,
            "low": _("little"),
            "high": _("much"),
            "name": _("Strength of the map"),
        },
        key=key,
        width=shape.width,
    )


def enlarged(marks: np.ndarray) -> InputShape:
    """A map's proportions with SIDE pixels along its longer side."""
    height, width = (max(1, round(SIDE * side / max(marks.shape))) for side in marks.shape)
    return InputShape(height, width)


def seen_part(preview: bytes, shape: InputShape) -> Image.Image:
    """The part of the picture that the network is given, RGB, as large as the map is shown."""
    with Image.open(io.BytesIO(preview)) as image:
        return centre_crop(image.convert("RGB"), shape)


def heat(marks: np.ndarray, shape: InputShape) -> Image.Image:
    """A map as an RGB picture, dark for 0, bright for 1."""
    size = shape.width, shape.height
    smooth = Image.fromarray(np.asarray(marks, np.float32)).resize(size, Image.Resampling.BICUBIC)
    values = np.clip(np.asarray(smooth), 0.0, 1.0)
    places = np.linspace(0.0, 1.0, len(RAMP))
    channels = [np.interp(values, places, RAMP[:, channel]) for channel in range(3)]
    return Image.fromarray(np.stack(channels, axis=-1).round().astype(np.uint8))
