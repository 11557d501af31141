"""What has to change around the Dockerfile: compose, Kubernetes manifests, Helm values."""
