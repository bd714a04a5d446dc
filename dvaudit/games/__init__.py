"""Cooperative games over contributors: who adds how much to a utility of coalitions.

A utility nu scores coalitions of K players, given as masks. Players without samples change no
coalition: nu is the same with them and without them.

nu of the empty coalition is a parameter, since a score of data is undefined without data. Where
nu(empty) alone rises by delta, every Shapley value falls by delta / K, every Banzhaf value by
delta / 2^(K-1), every marginal to the empty set by delta, and leave-one-out stays: all players
move alike, so ranks and differences stay. (With players that hold no samples, further coalitions
score nu(empty) and those players' own values stay 0.)
"""

from dvaudit.games.banzhaf import banzhaf
from dvaudit.games.leave_one_out import leave_one_out, marginal_to_empty
from dvaudit.games.reference import all_coalitions, exact_banzhaf, exact_shapley
from dvaudit.games.shapley import prefixes_of, shapley
from dvaudit.games.types import BatchUtility, Estimate, Prefixes, Utility

__all__ = [
    "BatchUtility",
    "Estimate",
    "Prefixes",
    "Utility",
    "all_coalitions",
    "banzhaf",
    "exact_banzhaf",
    "exact_shapley",
    "leave_one_out",
    "marginal_to_empty",
    "prefixes_of",
    "shapley",
]
