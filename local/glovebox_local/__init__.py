"""The local environment.

A real control plane and a real store on one machine, without a container engine.

`environment.py` is the table of contents: a driver brings a cluster, `seaweedfs.py` brings the
store, and what a client needs (kubeconfig, endpoint, keys) lies in one state directory of the
user's. Nothing here is part of the operator.
"""
