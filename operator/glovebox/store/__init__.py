"""The object store: the only package that imports boto3. Proofs, listings, reads, manifests, credentials.

Public functions are `async` and raise errors of `glovebox.errors`; whatever blocks runs in bounded,
named pools.
"""
