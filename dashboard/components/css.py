"""The rules that the theme cannot express: picture buttons and a narrower page."""

from __future__ import annotations

from collections.abc import Mapping

from dashboard.presenters.data_url import data_url

STYLE = """<style>
.stMainBlockContainer { max-width: 1080px; padding-top: 4rem; padding-bottom: 2rem; }
.st-key-language {
  position: fixed; top: 0.7rem; right: 3.6rem; width: auto; z-index: 1000000;
}
.st-key-language p { text-transform: uppercase; }
[data-testid="stCaptionContainer"] { color: light-dark(#5a6466, #a9b4b4); opacity: 1; }
[data-testid="stBaseButton-primary"] { color: light-dark(#ffffff, #0d1517); }
.st-key-samples { flex-wrap: nowrap; overflow-x: auto; padding-bottom: 4px; }
[class*="st-key-seen-"] img { image-rendering: pixelated; }
[class*="st-key-picture-"] img { max-height: 340px; object-fit: contain; }
[class*="st-key-tile-"] button {
  background-size: cover; background-position: center; min-height: 0; padding: 0; overflow: hidden;
  display: flex; align-items: flex-end; border-width: 2px;
}
[class*="st-key-tile-"] button :is(div, span) { width: 100%; }
[class*="st-key-tile-"] button p {
  display: block; margin: 0; padding: 1px 2px; font-size: 0.75rem; line-height: 1.3;
  background: rgba(12, 20, 22, 0.82); color: #fff;
}
.class-bars { width: 100%; border-collapse: collapse; font-size: 0.9rem; }
.class-bars :is(th, td) { padding: 3px 8px; text-align: right; font-weight: 400; white-space: nowrap; }
.class-bars thead { color: light-dark(#5a6466, #a9b4b4); }
.class-bars :is(th:first-child, th:nth-child(2)) { text-align: left; }
.class-bars td:nth-child(2) { width: 70%; text-align: left; }
.class-bars i {
  display: inline-block; height: 1rem; border-radius: 3px; margin-right: 8px; vertical-align: middle;
}
[class*="st-key-network-card-open-"] { border-color: var(--st-primary-color, #0e8a92); }
@media (max-width: 640px) {
  [class*="st-key-picture-"] img { max-height: 190px; }
  .st-key-waiting { height: 110px; min-height: 0; }
  /* Columns under each other: the answer in words, the picture, what belongs to the answer, what the network sees. */
  [class*="st-key-wide-answer-"] > * > * { flex-direction: column; gap: 1rem; }
  [class*="st-key-wide-answer-"] > * > * > *,
  [class*="st-key-wide-answer-"] > * > * > * > * { display: contents; }
  [class*="st-key-wide-answer-"] > * > * > * > * > * { order: 2; }
  [class*="st-key-wide-answer-"] > * > * > * > * > :has(> [class*="st-key-picture-"]) { order: 1; }
  [class*="st-key-wide-answer-"] > * > * > * > * > :has(> [class*="st-key-headline-"]) { order: 0; }
  [class*="st-key-wide-answer-"] > * > * > * > * > :has(> [class*="st-key-seen-"]) { order: 3; }
}
</style>"""


def tile_style(
    pictures: Mapping[str, bytes], side: str, bars: Mapping[str, float] | None = None, opened: str = ""
) -> str:
    """Return CSS that shows a JPEG on each button, with a bar below, and frames the open one.

    As a button, a picture keeps its name for screen readers and its place in the keyboard's order.

    Args:
        pictures: The JPEGs by the buttons' keys.
        side: The side of the buttons, a CSS length.
        bars: The length of each bar, 0 to 1.
        opened: The key of the open picture's button.
    """
    rules = [
        f".st-key-{key} button {{ background-image: url({data_url(content)}); width: {side}; height: {side}; }}"
        for key, content in pictures.items()
    ]
    rules += [
        f".st-key-{key} button p {{ border-top: 4px solid;"
        f" border-image: linear-gradient(90deg, #4fc3cb {share:.0%}, #334143 {share:.0%}) 1; }}"
        for key, share in (bars or {}).items()
    ]
    if opened:
        rules.append(f".st-key-{opened} button {{ outline: 3px solid #0e8a92; }}")
    return "<style>" + "\n".join(rules) + "</style>"
