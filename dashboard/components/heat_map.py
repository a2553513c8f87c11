"""A heat map over a picture, with a slider that blends the two in the browser."""

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
# From black to red to pale yellow with even brightness, so that it is readable without colours too.
_RAMP = np.array([hex_to_rgb(hue) for hue in sequential.Inferno])

_HTML = """<figure>
  <div class="both"><img class="picture"><img class="map"></div>
  <figcaption><span class="low"></span><span class="ramp"></span><span class="high"></span></figcaption>
  <label><span class="name"></span><input type="range" min="0" max="100" step="5" value="60"></label>
</figure>"""

_CSS = """
figure { margin: 0; font-family: var(--st-font); font-size: 0.875rem; color: var(--st-text-color); }
.both { position: relative; border-radius: var(--st-base-radius); overflow: hidden; }
.both img { position: absolute; inset: 0; width: 100%; height: 100%; }
figcaption, label { display: flex; align-items: center; gap: 0.6rem; margin-top: 0.5rem; }
.ramp { flex: 1; height: 0.5rem; border-radius: 0.25rem; }
input { flex: 1; accent-color: var(--st-primary-color); min-height: 1.5rem; }
input:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
"""

_JS = """
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

_overlay = st.components.v2.component("vitrine_overlay", html=_HTML, css=_CSS, js=_JS)


def show_overlay(preview: bytes, marks: np.ndarray, alt: str, key: str) -> None:
    """Draw what the network sees of the picture, below the map.

    Args:
        preview: The picture as a JPEG.
        marks: The map, float (height, width), 0 to 1.
        alt: A description for people who cannot see it.
        key: The widget's key.
    """
    shape = display_shape(marks)
    _overlay(
        data={
            "picture": data_url(encode_jpeg(visible_part(preview, shape), SIDE)),
            "map": data_url(encode_jpeg(colorize(marks, shape), SIDE)),
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


def display_shape(marks: np.ndarray) -> InputShape:
    """Return a map's shape with SIDE pixels on its longer side."""
    height, width = (max(1, round(SIDE * side / max(marks.shape))) for side in marks.shape)
    return InputShape(height, width)


def visible_part(preview: bytes, shape: InputShape) -> Image.Image:
    """Return the part of the picture that the network sees, RGB, at the size of the map."""
    with Image.open(io.BytesIO(preview)) as image:
        return centre_crop(image.convert("RGB"), shape)


def colorize(marks: np.ndarray, shape: InputShape) -> Image.Image:
    """Return a map as an RGB picture, dark for 0, bright for 1."""
    size = shape.width, shape.height
    smooth = Image.fromarray(np.asarray(marks, np.float32)).resize(size, Image.Resampling.BICUBIC)
    values = np.clip(np.asarray(smooth), 0.0, 1.0)
    places = np.linspace(0.0, 1.0, len(_RAMP))
    channels = [np.interp(values, places, _RAMP[:, channel]) for channel in range(3)]
    return Image.fromarray(np.stack(channels, axis=-1).round().astype(np.uint8))
