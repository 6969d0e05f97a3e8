"""What a function needs before Google builds it: requirements read, judged, pinned, bundled."""
