"""Real servers, certificates and faults for the tests, on loopback and in temporary folders."""
