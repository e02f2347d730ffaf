"""From graph to Program: order, liveness, buffers."""
