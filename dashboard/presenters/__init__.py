"""Numbers to figures, tables and sentences; nothing here calls Streamlit.

A new chart or wording begins here.
"""

__all__ = [
    "answer_diff",
    "charts",
    "curves",
    "data_url",
    "downloads",
    "file_answers",
    "history_table",
    "model_text",
    "phrases",
    "reliability_diagram",
    "robustness_text",
    "run_table",
    "saliency_text",
    "test_set_figures",
]
