"""Settle: from weighed pairs to links or clusters, with their steps, rivals and expected precision."""
