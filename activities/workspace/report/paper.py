"""The report on paper: a few A4 pages, set with matplotlib."""

from io import BytesIO

from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from activities.workspace.layout import Layout
from activities.workspace.report.facts import Facts
from activities.workspace.report.sheets import decisions, plain, summary, work
from activities.workspace.report.tables import models, record


def paper(facts: Facts, layout: Layout) -> bytes:
    """The PDF's bytes: summary and scores, candidates and curves, then time and decisions where there are any."""
    sheets: list[Figure] = [summary(facts), *work(facts, layout), *record(facts), *models(facts), *decisions(facts)]
    buffer = BytesIO()
    with PdfPages(
        buffer, metadata={"Title": f"{facts.name}: progress of run {facts.run}", "CreationDate": None}
    ) as pdf:
        for number, sheet in enumerate(sheets, 1):
            sheet.text(0.92, 0.028, f"{number} / {len(sheets)}", ha="right", fontsize=7.5, color="#59616c")
            sheet.text(0.08, 0.028, plain(f"Run {facts.run}"), fontsize=7.5, color="#59616c")
            pdf.savefig(sheet)
    return buffer.getvalue()
