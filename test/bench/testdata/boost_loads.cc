// Loads of arcs by shortest paths, split equally over next hops at every node, with distances by the Boost Graph Library.
//
// Standard input, in numbers: nodes, arcs and rows; per arc its tail, head and metric; per row its destination and how many
// demands it has, and per demand where it is from and its bits per second.
// Standard output: the seconds that it took, without the time to read and to build the graph, and the load of every arc.

#include <algorithm>
#include <boost/graph/compressed_sparse_row_graph.hpp>
#include <boost/graph/dijkstra_shortest_paths.hpp>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

struct Arc {
  int metric;
};
using Graph = boost::compressed_sparse_row_graph<boost::directedS, boost::no_property, Arc>;

struct Row {
  int to;
  std::vector<std::pair<int, double>> demands;
};

int main() {
  std::ios::sync_with_stdio(false);
  int nodes, arcs, rows;
  std::cin >> nodes >> arcs >> rows;
  std::vector<int> tail(arcs), head(arcs);
  std::vector<std::pair<int, int>> ends(arcs);  // backwards: distances are towards a destination
  std::vector<Arc> metric(arcs);
  std::vector<std::vector<int>> out(nodes);
  for (int arc = 0; arc < arcs; arc++) {
    std::cin >> tail[arc] >> head[arc] >> metric[arc].metric;
    ends[arc] = {head[arc], tail[arc]};
    out[tail[arc]].push_back(arc);
  }
  std::vector<Row> all(rows);
  for (Row& row : all) {
    size_t count;
    std::cin >> row.to >> count;
    row.demands.resize(count);
    for (auto& demand : row.demands) std::cin >> demand.first >> demand.second;
  }
  if (!std::cin) {
    std::cerr << "the input is cut short\n";
    return 1;
  }
  Graph graph(boost::edges_are_unsorted_multi_pass, ends.begin(), ends.end(), metric.begin(), nodes);

  const int unreachable = std::numeric_limits<int>::max();
  std::vector<double> loads(arcs), flow(nodes);
  std::vector<int> distance(nodes), order(nodes), hops;
  const auto began = std::chrono::steady_clock::now();
  for (const Row& row : all) {
    boost::dijkstra_shortest_paths(graph, row.to,
                                   boost::weight_map(boost::get(&Arc::metric, graph))
                                       .distance_map(boost::make_iterator_property_map(distance.begin(), boost::get(boost::vertex_index, graph))));
    std::fill(flow.begin(), flow.end(), 0);
    for (const auto& demand : row.demands) flow[demand.first] += demand.second;
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](int a, int b) { return distance[a] > distance[b]; });
    for (int node : order) {
      if (node == row.to || flow[node] == 0 || distance[node] == unreachable) continue;
      hops.clear();
      for (int arc : out[node]) {
        if (distance[head[arc]] != unreachable && distance[head[arc]] + metric[arc].metric == distance[node]) hops.push_back(arc);
      }
      const double share = flow[node] / hops.size();
      for (int arc : hops) {
        loads[arc] += share;
        flow[head[arc]] += share;
      }
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::printf("%.9f\n", took.count());
  for (double load : loads) std::printf("%.6f\n", load);
}
