"""The programs that run inside pods, in the Glovebox image: the fetcher of inputs."""
