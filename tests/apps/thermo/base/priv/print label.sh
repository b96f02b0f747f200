#!/bin/sh
cat "$(dirname "$0")/text of the label.txt"
