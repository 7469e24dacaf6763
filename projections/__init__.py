"""What is read: SQL over the log for the read models, the pure fold, rebuild and verify.

Re-exports nothing.
"""
