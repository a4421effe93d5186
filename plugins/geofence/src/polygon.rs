//! Polygons on the plane of longitude and latitude, and whether a point lies in them.

#[cfg(test)]
mod tests;

/// Longitude and latitude, as GeoJSON orders them.
pub(crate) type Point = [f64; 2];

/// A ring of points, the last equal to the first; some rings within it are holes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Polygon {
    bounds: Bounds,
    outer: Vec<Point>,
    holes: Vec<Vec<Point>>,
}

/// The smallest box around points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bounds {
    low: Point,
    high: Point,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Inside,
    Edge,
    Outside,
}

impl Polygon {
    /// Of closed rings.
    pub(crate) fn new(outer: Vec<Point>, holes: Vec<Vec<Point>>) -> Polygon {
        Polygon { bounds: Bounds::of(&outer), outer, holes }
    }

    pub(crate) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Whether the point is in the polygon or on its edge, that of a hole included.
    pub(crate) fn contains(&self, point: Point) -> bool {
        if !self.bounds.contains(point) {
            return false;
        }
        match side(&self.outer, point) {
            Side::Outside => false,
            Side::Edge => true,
            Side::Inside => !self.holes.iter().any(|hole| side(hole, point) == Side::Inside),
        }
    }
}

impl Bounds {
    /// Around nothing: contains no point.
    pub(crate) const NONE: Bounds = Bounds { low: [f64::INFINITY; 2], high: [f64::NEG_INFINITY; 2] };

    pub(crate) fn of(points: &[Point]) -> Bounds {
        points.iter().fold(Bounds::NONE, |bounds, &point| bounds.union(Bounds { low: point, high: point }))
    }

    pub(crate) fn union(self, other: Bounds) -> Bounds {
        let pick = |pick: fn(f64, f64) -> f64, a: Point, b: Point| [pick(a[0], b[0]), pick(a[1], b[1])];
        Bounds { low: pick(f64::min, self.low, other.low), high: pick(f64::max, self.high, other.high) }
    }

    #[inline]
    pub(crate) fn contains(&self, [x, y]: Point) -> bool {
        self.low[0] <= x && x <= self.high[0] && self.low[1] <= y && y <= self.high[1]
    }

    /// Degrees of longitude from west to east.
    pub(crate) fn width(&self) -> f64 {
        self.high[0] - self.low[0]
    }
}

/// On which side of a closed ring a point lies: a ray to the east crosses the ring an odd number of times from inside. A
/// segment owns its lower end and not its upper one, so that a ray through a corner counts once. Source: W. Randolph
/// Franklin, "PNPOLY - Point Inclusion in Polygon Test", here without its division, and with the edge told apart.
fn side(ring: &[Point], [x, y]: Point) -> Side {
    let mut inside = false;
    for segment in ring.windows(2) {
        let ([x1, y1], [x2, y2]) = (segment[0], segment[1]);
        if (y1 < y && y2 < y) || (y1 > y && y2 > y) {
            continue;
        }
        // Above 0 where the point is to the left of the segment as it runs, 0 where it is on its line.
        let turn = (x2 - x1) * (y - y1) - (x - x1) * (y2 - y1);
        if turn == 0.0 && x1.min(x2) <= x && x <= x1.max(x2) {
            return Side::Edge;
        }
        if (y1 > y) != (y2 > y) && (turn > 0.0) == (y2 > y1) {
            inside = !inside;
        }
    }
    if inside { Side::Inside } else { Side::Outside }
}
