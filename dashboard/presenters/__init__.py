"""Turn numbers into figures, tables and sentences; nothing here calls Streamlit.

New charts and texts go here.
"""

__all__ = [
    "answer_diff",
    "charts",
    "curves",
    "data_url",
    "downloads",
    "file_answers",
    "history_table",
    "known_histogram",
    "model_text",
    "phrases",
    "reliability_diagram",
    "robustness_text",
    "run_table",
    "saliency_text",
    "teach_text",
    "test_set_figures",
]
