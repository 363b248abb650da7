"""What the functions called of AWS in a run, and whether their roles allow just that.

`--record-calls FILE` writes each call's action and resource once (`record`, `actions`), and
`local-gateway privileges FILE` holds them against the template's roles (`comparison`, `report`).
"""
