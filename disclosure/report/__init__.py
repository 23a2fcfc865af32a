"""The disclosure report: what the check measured, for the approver as figures and as a page, and for the recipient as a statement."""
