"""What a host lacks, and the stream that brings it."""
