//! Fences, read from a GeoJSON file (RFC 7946).

use crate::polygon::{Bounds, Point, Polygon};
use campanile_sdk::{Error, Finding, Result};
use geojson::{Feature, Geometry, GeometryValue, JsonObject, JsonValue, Position};
use std::path::Path;

#[cfg(test)]
mod tests;

/// More problems than these are not told one by one.
const MAX_PROBLEMS: usize = 20;
/// A ring of four positions is a triangle, its first corner written twice.
const MIN_POSITIONS: usize = 4;

/// An area with a name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fence {
    pub(crate) name: String,
    bounds: Bounds,
    polygons: Vec<Polygon>,
}

impl Fence {
    /// Whether the point is in the fence or on its edge.
    #[inline]
    pub(crate) fn contains(&self, point: Point) -> bool {
        self.bounds.contains(point) && self.polygons.iter().any(|polygon| polygon.contains(point))
    }
}

/// What a file holds.
#[derive(Debug, Default)]
pub(crate) struct FenceFile {
    /// In the order of the file.
    pub(crate) fences: Vec<Fence>,
    /// What is perhaps not as it was meant.
    pub(crate) warnings: Vec<String>,
    problems: Vec<String>,
}

impl FenceFile {
    /// Reads a file; all that is wrong with it is told at once.
    pub(crate) fn read(path: &Path, name_property: &str) -> Result<FenceFile> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::config(format!("cannot read the fences in `{}`: {error}", path.display())))?;
        let json = serde_json::from_str(text.trim_start_matches('\u{feff}'))
            .map_err(|error| Error::config(format!("`{}` is not JSON: {error}", path.display())))?;
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let mut file = FenceFile::default();
        file.take(json, name_property, &stem);
        if file.fences.is_empty() && file.problems.is_empty() {
            file.problems.push("it holds no fences: add features with a Polygon or MultiPolygon".to_owned());
        }
        if file.problems.is_empty() {
            return Ok(file);
        }
        let found = file.problems.len();
        file.problems.truncate(MAX_PROBLEMS);
        if found > MAX_PROBLEMS {
            file.problems.push(format!("and {} problems more", found - MAX_PROBLEMS));
        }
        let finding = |problem| Finding::error("fences", format!("`{}`: {problem}", path.display()));
        Err(Error::findings(file.problems.iter().map(finding).collect()))
    }

    fn take(&mut self, json: JsonValue, name_property: &str, stem: &str) {
        let kind = json.get("type").and_then(JsonValue::as_str).unwrap_or_default().to_owned();
        match (kind.as_str(), json) {
            ("FeatureCollection", JsonValue::Object(mut members)) => match members.remove("features") {
                Some(JsonValue::Array(features)) => {
                    for (index, feature) in features.into_iter().enumerate() {
                        self.take_feature(&format!("feature {index}"), feature, name_property);
                    }
                }
                _ => self.problems.push("the FeatureCollection has no array `features`".to_owned()),
            },
            ("Feature", json) => self.take_feature("feature 0", json, name_property),
            // A bare geometry has no properties: the file's name is its name.
            (_, json) => match serde_json::from_value::<Geometry>(json) {
                Ok(geometry) => self.take_geometry("the geometry", stem.to_owned(), &geometry),
                Err(error) => self
                    .problems
                    .push(format!("neither a FeatureCollection nor a Feature nor a geometry of GeoJSON: {error}")),
            },
        }
    }

    fn take_feature(&mut self, place: &str, json: JsonValue, name_property: &str) {
        let feature = match serde_json::from_value::<Feature>(json) {
            Ok(feature) => feature,
            Err(error) => return self.problems.push(format!("{place} cannot be read: {error}")),
        };
        let name = name_of(feature.properties.as_ref(), name_property);
        let name = name.map_err(|problem| self.problems.push(format!("{place} {problem}")));
        match &feature.geometry {
            // Its geometry is looked at though it has no name: all problems at once.
            Some(geometry) => self.take_geometry(place, name.unwrap_or_default(), geometry),
            None => self.problems.push(format!("{place} has no geometry: give it a Polygon or MultiPolygon")),
        }
    }

    fn take_geometry(&mut self, place: &str, name: String, geometry: &Geometry) {
        let polygons = match &geometry.value {
            GeometryValue::Polygon { coordinates } => std::slice::from_ref(coordinates),
            GeometryValue::MultiPolygon { coordinates } => coordinates.as_slice(),
            other => {
                let message = format!("{place} is a {}, where a Polygon or MultiPolygon is needed", other.type_name());
                return self.problems.push(message);
            }
        };
        let several = polygons.len() > 1;
        let mut taken = Vec::new();
        for (index, rings) in polygons.iter().enumerate() {
            let place = if several { format!("{place}, polygon {index}") } else { place.to_owned() };
            taken.extend(self.take_polygon(&place, rings));
        }
        if polygons.is_empty() {
            return self.problems.push(format!("{place} is a MultiPolygon without polygons: leave it out"));
        }
        let bounds = taken.iter().fold(Bounds::NONE, |bounds, polygon| bounds.union(polygon.bounds()));
        // An alert carries the name alone, so that parts of one name are one fence.
        match self.fences.iter_mut().find(|fence| fence.name == name) {
            Some(fence) => {
                fence.bounds = fence.bounds.union(bounds);
                fence.polygons.append(&mut taken);
            }
            None => self.fences.push(Fence { name, bounds, polygons: taken }),
        }
    }

    fn take_polygon(&mut self, place: &str, rings: &[Vec<Position>]) -> Option<Polygon> {
        let mut taken = Vec::with_capacity(rings.len());
        for (index, ring) in rings.iter().enumerate() {
            match ring_of(ring) {
                Ok(ring) => taken.push(ring),
                Err(problem) => self.problems.push(format!("{place}, ring {index}: {problem}")),
            }
        }
        if rings.is_empty() {
            self.problems.push(format!("{place} is a Polygon without rings: leave it out"));
        }
        if taken.len() != rings.len() || taken.is_empty() {
            return None;
        }
        let outer = taken.remove(0);
        let polygon = Polygon::new(outer, taken);
        if polygon.bounds().width() > 180.0 {
            self.warnings.push(format!(
                "{place} spans {} degrees of longitude and is taken as it is written: a fence across the 180th meridian \
                 has to be cut there into a MultiPolygon",
                polygon.bounds().width()
            ));
        }
        Some(polygon)
    }
}

/// The name of a feature, or what is wrong with it.
fn name_of(properties: Option<&JsonObject>, name_property: &str) -> Result<String, String> {
    match properties.and_then(|properties| properties.get(name_property)) {
        Some(JsonValue::String(name)) if !name.trim().is_empty() => Ok(name.clone()),
        Some(JsonValue::Number(number)) => Ok(number.to_string()),
        Some(_) => Err(format!("has no text in its property `{name_property}`: a fence needs a name")),
        None => {
            let there: Vec<_> = properties.into_iter().flatten().map(|(name, _)| format!("`{name}`")).collect();
            let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
            Err(format!("has no property `{name_property}` (it has {there}): add it, or set `nameProperty`"))
        }
    }
}

/// The points of a ring, or what is wrong with it.
fn ring_of(ring: &[Position]) -> Result<Vec<Point>, String> {
    let mut points = Vec::with_capacity(ring.len());
    for (index, position) in ring.iter().enumerate() {
        let &[longitude, latitude, ..] = position.as_slice() else {
            return Err(format!("position {index} needs a longitude and a latitude"));
        };
        if !(-180.0..=180.0).contains(&longitude) || !(-90.0..=90.0).contains(&latitude) {
            return Err(format!(
                "position {index} is [{longitude}, {latitude}], where a longitude from -180 to 180, then a latitude from \
                 -90 to 90 is needed"
            ));
        }
        points.push([longitude, latitude]);
    }
    if points.len() < MIN_POSITIONS {
        return Err(format!("it has {} positions, where at least {MIN_POSITIONS} are needed", points.len()));
    }
    if points.first() != points.last() {
        return Err("it is not closed: repeat its first position at its end".to_owned());
    }
    Ok(points)
}
