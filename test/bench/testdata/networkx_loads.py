"""Loads of arcs by shortest paths, split equally over next hops at every node, as networkx computes them.

Standard input: {"nodes": n, "arcs": [[tail, head, metric], ...], "rows": [{"to": t, "demands": [[from, bps], ...]}, ...]}.
Standard output: {"seconds": s, "loads": [bps, ...]}, without the time to read and to build the graph.
"""

import json
import sys
import time

import networkx as nx


def main():
    task = json.load(sys.stdin)
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(task["nodes"]))
    for arc, (tail, head, metric) in enumerate(task["arcs"]):
        graph.add_edge(head, tail, key=arc, weight=metric)  # backwards: distances towards a destination
    loads = [0.0] * len(task["arcs"])
    began = time.perf_counter()
    for row in task["rows"]:
        distance = nx.single_source_dijkstra_path_length(graph, row["to"])
        flow = dict.fromkeys(distance, 0.0)
        for source, bps in row["demands"]:
            if source in flow:
                flow[source] += bps
        for node in sorted(distance, key=distance.get, reverse=True):
            if flow[node] == 0 or node == row["to"]:
                continue
            hops = [
                (head, arc)
                for head, _, arc, data in graph.in_edges(node, keys=True, data=True)
                if head in distance and distance[head] + data["weight"] == distance[node]
            ]
            share = flow[node] / len(hops)
            for head, arc in hops:
                loads[arc] += share
                flow[head] += share
    seconds = time.perf_counter() - began
    json.dump({"seconds": seconds, "loads": loads}, sys.stdout)


main()
