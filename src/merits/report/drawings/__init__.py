"""Charts of a report: a section in, a Vega-Lite specification out, drawn to SVG without a network.

Each chart is drawn twice, for wide and for narrow screens, so that its letters stay readable on a phone. Colours are
CSS variables: a chart follows the page into dark mode and print.
"""
