"""What is usually tuned of scikit-learn's estimators, by the name of the class. Knows nothing about recipes."""

from __future__ import annotations

from merits.candidates.registry import Space

__all__ = ["USUAL"]

_ALPHA: Space = {"alpha": {"low": 1e-4, "high": 1e3, "log": True}}
_PENALTY: Space = {"alpha": {"low": 1e-6, "high": 1e-1, "log": True}}
_C: Space = {"C": {"low": 1e-3, "high": 1e3, "log": True}}
_KERNEL: Space = {"C": {"low": 1e-2, "high": 1e3, "log": True}, "gamma": {"low": 1e-5, "high": 10.0, "log": True}}
_NEIGHBOURS: Space = {
    "n_neighbors": {"low": 1, "high": 50, "log": True, "int": True},
    "weights": ["uniform", "distance"],
}
_FOREST: Space = {
    "n_estimators": [100, 200, 400],
    "max_features": {"low": 0.05, "high": 1.0, "log": True},
    "min_samples_leaf": {"low": 1, "high": 20, "log": True, "int": True},
}
_TREE: Space = {
    "max_depth": [None, 3, 5, 8, 12],
    "min_samples_leaf": {"low": 1, "high": 50, "log": True, "int": True},
}
_HISTOGRAM: Space = {
    "learning_rate": {"low": 0.01, "high": 0.5, "log": True},
    "max_leaf_nodes": {"low": 7, "high": 127, "log": True, "int": True},
    "min_samples_leaf": {"low": 5, "high": 80, "log": True, "int": True},
    "l2_regularization": {"low": 1e-3, "high": 10.0, "log": True},
}
_BOOSTED: Space = {
    "learning_rate": {"low": 0.01, "high": 0.5, "log": True},
    "n_estimators": [50, 100, 200, 400],
    "max_depth": [2, 3, 4, 6],
}
_NETWORK: Space = {
    "hidden_layer_sizes": [[32], [100], [100, 50]],
    "alpha": {"low": 1e-6, "high": 1.0, "log": True},
    "learning_rate_init": {"low": 1e-4, "high": 1e-2, "log": True},
}
_BAYES: Space = {"alpha": {"low": 1e-3, "high": 10.0, "log": True}}
_NET: Space = {**_PENALTY, "l1_ratio": [0.1, 0.5, 0.9]}

USUAL: dict[str, Space] = {
    **dict.fromkeys(("LogisticRegression", "LinearSVC", "LinearSVR"), _C),
    **dict.fromkeys(("SVC", "SVR"), _KERNEL),
    **dict.fromkeys(("Ridge", "RidgeClassifier", "KernelRidge"), _ALPHA),
    **dict.fromkeys(("Lasso", "SGDClassifier", "SGDRegressor", "Perceptron"), _PENALTY),
    "ElasticNet": _NET,
    **dict.fromkeys(("KNeighborsClassifier", "KNeighborsRegressor"), _NEIGHBOURS),
    **dict.fromkeys(
        ("RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor"), _FOREST
    ),
    **dict.fromkeys(("DecisionTreeClassifier", "DecisionTreeRegressor"), _TREE),
    **dict.fromkeys(("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"), _HISTOGRAM),
    **dict.fromkeys(("GradientBoostingClassifier", "GradientBoostingRegressor"), _BOOSTED),
    **dict.fromkeys(("MLPClassifier", "MLPRegressor"), _NETWORK),
    **dict.fromkeys(("MultinomialNB", "ComplementNB", "BernoulliNB"), _BAYES),
}
"""By the name of the class; nothing of those that are not in it."""
