"""What makes it a course: exercises, predictions, widgets, claims and their board."""
