use super::*;

fn square(low: f64, high: f64) -> Vec<Point> {
    vec![[low, low], [high, low], [high, high], [low, high], [low, low]]
}

#[test]
fn a_point_is_in_or_out() {
    let polygon = Polygon::new(square(0.0, 4.0), vec![]);
    for inside in [[1.0, 1.0], [3.9, 0.1], [2.0, 2.0]] {
        assert!(polygon.contains(inside), "{inside:?}");
    }
    for outside in [[-1.0, 2.0], [5.0, 2.0], [2.0, -0.1], [2.0, 4.1], [-1.0, 4.0], [-1.0, 0.0]] {
        assert!(!polygon.contains(outside), "{outside:?}");
    }
}

#[test]
fn corners_and_edges_are_inside_those_of_holes_too() {
    let polygon = Polygon::new(square(0.0, 4.0), vec![square(1.0, 3.0)]);
    for edge in [[0.0, 0.0], [4.0, 4.0], [2.0, 0.0], [4.0, 2.0], [1.0, 1.0], [2.0, 3.0], [1.0, 2.0]] {
        assert!(polygon.contains(edge), "{edge:?}");
    }
    assert!(!polygon.contains([2.0, 2.0]), "in the hole");
    assert!(polygon.contains([0.5, 2.0]), "between hole and edge");
}

#[test]
fn a_ray_through_corners_counts_them_once() {
    // A diamond and a W: rays at the heights of their corners.
    let diamond = Polygon::new(vec![[0.0, -1.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]], vec![]);
    assert!(diamond.contains([0.0, 0.0]));
    assert!(!diamond.contains([-1.5, 0.0]) && !diamond.contains([1.5, 0.0]));
    assert!(!diamond.contains([-0.5, 1.0]) && !diamond.contains([-0.5, -1.0]));
    let w = vec![[0.0, 4.0], [1.0, 0.0], [2.0, 2.0], [3.0, 0.0], [4.0, 4.0], [0.0, 4.0]];
    let w = Polygon::new(w, vec![]);
    assert!(w.contains([1.0, 2.0]), "its ray touches the corner in the middle");
    assert!(!w.contains([2.0, 1.0]), "between the legs");
    assert!(!w.contains([-1.0, 0.0]), "at the height of both feet");
}

#[test]
fn the_direction_of_a_ring_does_not_matter() {
    let mut ring = square(0.0, 4.0);
    ring.reverse();
    let polygon = Polygon::new(ring, vec![]);
    assert!(polygon.contains([1.0, 3.0]) && !polygon.contains([5.0, 3.0]));
}

#[test]
fn slanted_edges_are_edges() {
    let triangle = Polygon::new(vec![[0.0, 0.0], [4.0, 2.0], [0.0, 2.0], [0.0, 0.0]], vec![]);
    assert!(triangle.contains([2.0, 1.0]));
    assert!(!triangle.contains([2.0, 0.99]) && triangle.contains([2.0, 1.01]));
}
