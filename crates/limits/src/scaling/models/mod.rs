//! Limit models of one-hidden-layer classifiers (scaling-limits page §4).
