"""What tests and benchmarks need from outside: programs, a mirror's address, data of feeds."""
