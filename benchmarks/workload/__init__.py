"""The class that the benchmarks grade, in the autograder's form and in those of its peers."""
