"""Export: see what changes, and take the files away."""

import streamlit as st

from dvaudit.ui import export_view
from dvaudit.ui.patch_view import patch_panel
from dvaudit.ui.report_view import report_panel
from dvaudit.ui.session import require_audit, workspace
from dvaudit.ui.words import plain

ws = workspace()
st.title("Export")
dataset, run = require_audit(ws, without=lambda imported: patch_panel(ws, imported, audited=False))
st.caption(f"{plain(dataset.name)}. The original stays as it is; what you export is a copy.")

decisions = export_view.choose_changes(ws, dataset, run)
export_view.change_counts(ws, run, decisions)
st.header("What changes")
export_view.changes(ws, dataset, run, decisions)
st.header("Files")
export_view.cut_off_note(ws, dataset, run)
export_view.downloads(ws, dataset, run, decisions)
st.header("Report")
report_panel(ws, dataset, run, decisions)
patch_panel(ws, dataset)
