"""The gallery as a Power BI project in text form: a TMDL semantic model and a PBIR report."""
