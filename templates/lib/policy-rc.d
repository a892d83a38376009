#!/bin/sh
# Stands in for Debian's policy while our packages install: nothing starts before it is configured.
exit 101
