"""The parts that pages are put together from, each with its widgets.

A panel that one page uses alone is here too, so that views stay short.
"""

__all__ = [
    "answer_details",
    "answer_feedback",
    "evaluation_report",
    "explanation",
    "model_actions",
    "network_choice",
    "network_comparison",
    "picture_sources",
    "results_grid",
    "run_actions",
    "run_form",
    "run_monitor",
    "selected_picture",
    "test_set_browser",
    "test_set_picker",
    "visitor_notice",
]
