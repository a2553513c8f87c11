"""The parts of the pages, each with its widgets.

Panels that only one page uses are here too, so that views stay short.
"""

__all__ = [
    "answer_details",
    "answer_feedback",
    "evaluation_report",
    "explanation",
    "model_actions",
    "network_choice",
    "network_comparison",
    "other_pictures",
    "picture_sources",
    "results_grid",
    "run_actions",
    "run_form",
    "run_monitor",
    "selected_picture",
    "teach_correction",
    "test_set_browser",
    "test_set_picker",
    "visitor_notice",
]
