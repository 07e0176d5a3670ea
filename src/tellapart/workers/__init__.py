"""Who does the work on pictures: this process, or processes on the machines of a Ray cluster."""
