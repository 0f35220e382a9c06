"""What ensembles are made from, and whether one is worth keeping: shared by voting, stacking, bagging and boosting."""
