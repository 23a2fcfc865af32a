"""A seeded England: councils, people, events, a person index, NHS data sets, the errors of real files, and the truth.

Nothing here is a real person. NHS numbers come from the synthetic range (those beginning 9). The file forms of
Release 1 and Release 2 are used ahead of the dates at which they came into use, so that CCGs still exist.
"""
