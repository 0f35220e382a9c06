"""Production: what joins the stages once something was decided; each module is one thing that a team does with it.

The decision becomes a release (`released`, `verified`), which is served (`gateway`), compared on live traffic with
another (`rolled_out`) and told what was right (`fed_back`). What is served is watched (`monitored`, `monitor_page`,
`probed`), learned from (`learning_on`, `retrained`) and, where it is no longer right, replaced (`looped`).
"""
