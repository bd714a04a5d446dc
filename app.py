"""The app: run `streamlit run app.py` or `dvaudit serve`.

Streamlit imports this file once to build the server, and executes it as `__main__` for each page
run; `streamlit run` finds `app` by reading the source, so it stays a plain assignment.
"""

from pathlib import Path

import streamlit as st

HOME = Path(__file__).resolve().parent

if __name__ == "__main__":
    from dvaudit.ui.shell import main

    main(HOME)
else:
    from functools import partial

    from streamlit.runtime.pages_manager import PagesManager

    from dvaudit.server import MIDDLEWARE, ROUTES, fonts, lifespan
    from dvaudit.ui.warm import load_screens

    # Streamlit would also serve the files of pages/ by name, without this shell around them.
    PagesManager.uses_pages_directory = False
    app = st.App(
        __file__,
        routes=[*ROUTES, fonts(HOME)],
        middleware=MIDDLEWARE,
        lifespan=partial(lifespan, warm=load_screens),
    )
