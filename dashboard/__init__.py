"""The pages: `streamlit run dashboard/app.py`.

Each page is a file in views/; its parts are in the other rooms.
"""
