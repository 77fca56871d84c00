"""OBD-II: ELM327/STN adapter, ISO-TP, services, PIDs, trouble codes and the poller."""
