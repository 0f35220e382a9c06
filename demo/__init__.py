"""The demonstration: sentiment of customer text in four domains, by seven candidates (`make demo`)."""
