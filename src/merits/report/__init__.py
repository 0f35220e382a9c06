"""What people look at: views (plain data), then drawings of views on a terminal, a page, or in Markdown.

Pure: asks nothing, reads no clock, and gives the same bytes for the same outcomes.
"""
